"""A site of usual size for benchmarks: Wagtail, as a new project of it is set up."""
