"""The steps of a release, run by the Pulumi program's commands: `python -m release STEP`.

Standard library and the docker command only, so that any Python 3.11 on the machine that runs Pulumi will do. What has
to look at sockets or ask through Nginx runs in a container of the stack; nothing here needs more than docker.

    StepError
    ├── DockerError     a docker command failed
    ├── NotReadyError   a container did not become healthy
    ├── GateError       a new replica did not pass the gate
    └── RevertedError   traffic went back to the release before
"""
