"""The version of the Pulumi CLI whose verbs, formats and protocol this engine follows."""

VERSION = "3.259.0"
