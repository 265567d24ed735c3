"""The settings, which come from the environment: `settings` has the rows, `readers` reads the values."""

from app.config.readers import requests_a_second
from app.config.settings import SETTINGS, Config, ConfigError

__all__ = ["SETTINGS", "Config", "ConfigError", "requests_a_second"]
