"""What a table is: cells, typed columns, and the schema that a model was fitted on.

Training learns a schema here, and serving enforces it. Nothing here knows a media type,
a model or a file. Imported by `data`, `formats`, `models`, `serving` and `training`.
"""
