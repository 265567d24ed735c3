# scimd as a container: the package in a virtual environment, run by a user that owns no files.
# The build needs no secret and leaves none; .dockerignore lists the few files that it sees.
FROM python:3.12-slim AS build
COPY . /src
RUN python3 -m venv /opt/scimd \
    && /opt/scimd/bin/pip install --no-cache-dir /src \
    && /opt/scimd/bin/pip uninstall --yes pip

FROM python:3.12-slim
COPY --from=build /opt/scimd /opt/scimd
ENV PATH=/opt/scimd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SCIMD_BIND=0.0.0.0:8000
WORKDIR /srv/scimd
# A numeric id, so that an orchestrator can tell that it is not root.
USER 10001:10001
EXPOSE 8000
CMD ["scimd", "serve"]
