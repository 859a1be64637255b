"""The front door: `./pulumiw` runs the Pulumi CLI's own verbs on a machine with nothing but git and Python 3.11.

It is a wrapper in the sense of gradlew. Verbs, flags, stdin, stdout, exit codes and signals are the engine's own; what
the front door itself says goes to stderr. One flag is its own, `--install-docker`; the engine never sees it.

    launch         finds a Python                        (POSIX sh)
    __main__       makes .venv, then runs a module in it (standard library alone)
    pulumiw        one call: settles what the engine needs, then becomes the engine
    suite, bench   `scripts/test`, `scripts/check` and `scripts/bench`

**Engine**: the `pulumi` on PATH if it is new enough (engine_choice.FLOOR), else the embedded one;
DJANGO_STACK_ENGINE forces either.

**State**: PULUMI_BACKEND_URL; else `backend.url` of Pulumi.yaml; else `./.state` if it holds this stack already; else
the backend that the Pulumi CLI is logged in to, if that is the engine; else `./.state`. A state on a server (`ssh://`)
is for the embedded engine alone; what this wrapper has to know of it, it asks of that engine.

**Stack**: `--stack`, else PULUMI_STACK, else the one that `stack select` chose, else `dev`. `up`, `preview` and
`refresh` create a stack that has a config file (Pulumi.<stack>.yaml) and no state yet, if states are files, here or on
a server; `config` does so for `dev`, which is selected if none is. Until something is deployed, `up` and `preview`
decide where base images come from, if the config does not say so, and keep that in the config.

**Secrets of dev**: with its state in a folder here, and unless the tracked Pulumi.dev.yaml has a salt of its own, the
stack `dev` belongs to this clone alone. Its passphrase, its secrets and every value that `config set` gives it lie in
`.local/` (dev_config.py), which git ignores: the tracked file never changes. Engines read and write the merged file
`.local/Pulumi.dev.yaml` by --config-file; what they write is taken into `.local/dev.yaml`. `config rm` takes it out
again; a key that only the tracked file has it hides. PULUMI_CONFIG_PASSPHRASE(_FILE) wins over the generated
passphrase. Other stacks are plain Pulumi: their values are tracked, and their passphrase is the user's.
"""
