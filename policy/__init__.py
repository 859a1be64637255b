"""What no stack of ours may do: plain functions over one declared resource each, and nothing else.

resource    a container, volume, network or base image, as far as policies ask about it
inputs      how Pulumi writes such a resource, read
rules       the policies, each under an id that is stable for ever
own         a team's own ones
judge       all of them over all that a stack declares

Used by the program before it touches anything (`preflight/policies.py`), by `./ops review`, and by the policy pack.
"""
