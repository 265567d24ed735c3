"""Make the tables and store a population in them: `python -m bench.peers.django_app.load USERS`."""

import sys

import django
from django.core.management import call_command

from bench import people
from bench.peers.populations import Numbered, groups, population

BATCH = 5_000


def main(users: int) -> None:
    """Store the population as django-scim2 would have stored it."""
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django_scim.adapters import SCIMUser

    from bench.peers.django_app.models import Group, User

    of = population(users, Numbered)
    stored = []
    for number in range(of.users):
        identity = of.user_id(number)
        user = User(id=int(identity), scim_id=identity)
        SCIMUser(user).from_dict(people.user(number))
        stored.append(user)
    User.objects.bulk_create(stored, batch_size=BATCH)
    kept = list(groups(of))
    Group.objects.bulk_create(
        [Group(id=int(each.id), scim_id=each.id, name=each.name, scim_display_name=each.name) for each in kept]
    )
    through = User.scim_groups.through
    through.objects.bulk_create(
        [
            through(user_id=int(of.user_id(number)), group_id=int(each.id)) for each in kept for number in each.members
        ],
        batch_size=BATCH,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
