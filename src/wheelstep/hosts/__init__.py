"""Where the step runs: a terminal, GitHub Actions or Azure Pipelines."""
