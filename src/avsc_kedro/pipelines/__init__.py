"""Six pipelines, each an arrow of the project; nodes unpack, call and return."""
