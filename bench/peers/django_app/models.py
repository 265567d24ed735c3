"""The models of users and groups, as in the tests of django-scim2."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Group(AbstractSCIMGroupMixin):
    """A group that is provisioned."""

    name = models.CharField(max_length=200, unique=True)


class User(AbstractSCIMUserMixin, AbstractUser):
    """A user who is provisioned."""

    scim_groups = models.ManyToManyField(Group, related_name="user_set")
