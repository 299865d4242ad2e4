"""AWS's list of prices, where you have the right to read it."""

import json
from functools import cache

import boto3
from botocore.exceptions import BotoCoreError, ClientError


@cache
def price(instance_type: str, use: str) -> float | None:
    """Give what an instance costs in USD an hour, or None where that is not known.

    `use` is what the list calls it: Hosting, Training, or Batch Transform.
    """
    wanted = {"instanceName": instance_type, "regionCode": boto3.Session().region_name}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in wanted.items()
    ]
    pricing = boto3.client(
        "pricing", region_name="us-east-1"
    )  # has them for all regions
    pages = pricing.get_paginator("get_products")
    try:
        found = pages.paginate(ServiceCode="AmazonSageMaker", Filters=filters)
        products = [json.loads(text) for text in found.build_full_result()["PriceList"]]
    except (BotoCoreError, ClientError):
        return None
    for product in products:
        if product["product"]["attributes"].get("component", "").startswith(use):
            (term,) = product["terms"]["OnDemand"].values()
            (dimension,) = term["priceDimensions"].values()
            return float(dimension["pricePerUnit"]["USD"])
    return None
