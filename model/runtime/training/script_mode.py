"""What a script-mode script expects to find: SM_* variables and arguments (T-25).

SageMaker itself sets none of them; its training toolkit did, and scripts rely on that.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.resources import cpu_count


def variables(
    base_dir: Path,
    channels: Mapping[str, Path],
    hyperparameters: Mapping[str, Any],
    resources: Mapping[str, Any],
) -> dict[str, str]:
    """Give the variables that the training toolkit sets, spelt as it spells them."""
    values = {
        "MODEL_DIR": base_dir / "model",
        "INPUT_DIR": base_dir / "input",
        "INPUT_CONFIG_DIR": base_dir / "input/config",
        "OUTPUT_DIR": base_dir / "output",
        "OUTPUT_DATA_DIR": base_dir / "output/data",
        "OUTPUT_INTERMEDIATE_DIR": base_dir / "output/intermediate",
        "CHANNELS": sorted(channels),
        **{f"CHANNEL_{name.upper()}": path for name, path in channels.items()},
        "HPS": hyperparameters,
        **{f"HP_{name.upper()}": value for name, value in hyperparameters.items()},
        "USER_ARGS": arguments(hyperparameters),
        "HOSTS": resources["hosts"],
        "CURRENT_HOST": resources["current_host"],
        "RESOURCE_CONFIG": resources,
        "NETWORK_INTERFACE_NAME": resources.get("network_interface_name"),
        "CURRENT_INSTANCE_TYPE": resources.get("current_instance_type"),
        "CURRENT_INSTANCE_GROUP": resources.get("current_group_name"),
        "NUM_CPUS": cpu_count(),
        "NUM_GPUS": 0,
        "LOG_LEVEL": 20,
    }
    return {f"SM_{name}": _spelt(value) for name, value in values.items()}


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Give `--name value` for each hyperparameter, sorted; `-n` for one letter."""
    pairs = (
        ("-" * min(len(name), 2) + name, _word(value))
        for name, value in sorted(hyperparameters.items())
    )
    return [word for pair in pairs for word in pair]


def _word(value: Any) -> str:
    """Spell a value as an argument: as `str` does, and a mapping as k=v,k=v."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return "" if value is None else str(value)


def _spelt(value: Any) -> str:
    """Spell text as it is, nothing as nothing, and all else as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
