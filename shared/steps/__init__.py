"""The steps of the pipeline: look for twins, write, remember, wait. Start reading at shared/pipeline.py."""
