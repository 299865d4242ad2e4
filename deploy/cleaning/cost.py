"""What runs of an endpoint or a job, and what that costs an hour."""

from typing import Any

from sagemaker.core.resources import EndpointConfig

from cleaning import prices


def instances(found: Any) -> list[tuple[str, int, str]]:
    """List the instances: type, how many, and what the price list calls their use."""
    kind = type(found).__name__
    if kind == "TrainingJob":
        job = found.resource_config
        return [(job.instance_type, job.instance_count, "Training")]
    if kind == "TransformJob":
        job = found.transform_resources
        return [(job.instance_type, job.instance_count, "Batch")]
    if kind != "Endpoint":
        return []  # a component is in an endpoint, and a tuning job has training jobs
    config = EndpointConfig.get(found.endpoint_config_name)
    types = {v.variant_name: v.instance_type for v in config.production_variants}
    running = found.production_variants or []
    counts = [(types[v.variant_name], v.current_instance_count or 0) for v in running]
    return [(name, count, "Hosting") for name, count in counts if name]


def an_hour(found: Any) -> tuple[float, str]:
    """Give the price in USD, as far as it is known, and a text that says what runs."""
    usd, parts = 0.0, []
    for name, count, use in instances(found):
        price = prices.price(name, use)
        usd += count * (price or 0)
        known = (
            "price not known" if price is None else f"{count * price:.3f} USD an hour"
        )
        parts.append(f"{count} x {name}, {known}")
    since = f"since {found.creation_time:%Y-%m-%d %H:%M}"
    return usd, "; ".join([*(parts or ["no instance of its own"]), since])
