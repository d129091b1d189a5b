"""The app's functions, listed once for this process: azure.functions takes a second listing for doubled names."""

from function_app import app

FUNCTIONS = tuple(app.get_functions())
