"""Runs an unmodified Pulumi program against Docker where the Pulumi CLI cannot be installed."""
