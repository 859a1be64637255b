"""`./ops`: what operators do beside Pulumi's own verbs. One module for each command, thin over pure functions.

    command_line     the commands, their flags, exit codes
    stack            the stack that a command is about, as the front door (wrapper/) finds it
    config_text      edits of a stack config that leave everything else as it is
    doctor           gathers; diagnosis (pure) judges and words what was gathered
    pin              base images by digest; registry asks the Docker Engine, which asks the registry
    make_secrets     the site's secrets, encrypted by the engine
    drift            looks, tells and mends by drift/, whose comparisons are pure. drift_issue keeps the issue about it,
                     behind issue_tracker, and drift_webhook tells a chat; both by http_call
    review           gathers; review/ (pure) judges and words it. review_image looks into an image, review_records at
                     a server

Commands read a stack's config and state by their formats and run the engine as a program, so they are the same with
the Pulumi CLI and with the embedded engine.
"""
