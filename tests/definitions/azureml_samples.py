"""Jobs, components and deployments with environments inside, as Azure ML users write them."""

from __future__ import annotations

from typing import Any

HOST = "https://azuremlschemas.azureedge.net/latest/"

COMMAND_JOB = f"""\
$schema: {HOST}commandJob.schema.json
# trains the churn model
code: src
command: >-
  python train.py
  --folds ${{{{inputs.folds}}}}
inputs:
  folds: 5
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file:
    channels: [conda-forge]
    dependencies:
      - python=3.10
      - pip:
          - "my-pkg[fast]==1.0"  # ours
          - mlflow
compute: azureml:cpu-cluster
experiment_name: churn
"""

PIPELINE_JOB = f"""\
$schema: {HOST}pipelineJob.schema.json
type: pipeline
settings: {{default_compute: azureml:cpu-cluster}}
jobs:
  prep:
    type: command
    component: azureml:prep:1
  train:
    type: command
    component:
      type: command
      command: python train.py
      environment:
        name: ignored
        version: 3
        image: mcr.microsoft.com/azureml/curated:1
        conda_file:
          dependencies:
            - pip: [numpy, my-pkg==1.0]
  score:
    type: parallel
    task:
      type: run_function
      entry_script: score.py
      environment:
        image: mcr.microsoft.com/azureml/curated:1
        conda_file: {{dependencies: [python=3.9, {{pip: ['my-pkg==1.0', tqdm]}}]}}
  tune:
    type: sweep
    trial:
      command: python tune.py
      environment:
        image: mcr.microsoft.com/azureml/curated:1
        conda_file: ./envs/tune.yml
  whole:
    type: pipeline
    component:
      type: pipeline
      jobs:
        inner:
          type: command
          environment:
            image: mcr.microsoft.com/azureml/curated:1
            conda_file:
              dependencies:
                - pip:
                    - my-pkg
"""

SPARK = f"""\
$schema: {HOST}sparkComponent.schema.json
name: wrangle
type: spark
version: 4
code: ./src
entry: {{file: wrangle.py}}
environment:
  image: mcr.microsoft.com/azureml/spark:1
  conda_file: |
    # as conda reads it

    name: spark
    dependencies:
      - python=3.10
      - pip:
        - my-pkg==1.0   # ours
        - azureml-fsspec

conf:
  spark.driver.cores: 1
"""

ONLINE = f"""\
$schema: {HOST}managedOnlineDeployment.schema.json
name: blue
endpoint_name: churn
model: {{path: ../model}}
code_configuration: {{code: ./, scoring_script: score.py}}
environment:
  conda_file: file:../envs/conda.yml
  image: mcr.microsoft.com/azureml/minimal:1
instance_type: Standard_DS3_v2
instance_count: 1
"""

CONDA = b"dependencies:\n- pip:\n  - my-pkg==1.0\n"


def pinned(value: Any) -> Any:
    """The same document with our package at 1.1."""
    match value:
        case dict():
            return {key: pinned(one) for key, one in value.items()}
        case list():
            return [pinned(one) for one in value]
        case "my-pkg":
            return "my-pkg==1.1"
        case str():
            return value.replace("my-pkg==1.0", "my-pkg==1.1").replace(
                "my-pkg[fast]==1.0", "my-pkg[fast]==1.1"
            )
        case _:
            return value
