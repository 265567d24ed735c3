"""The settings, which come from the environment: `settings` has the rows, `readers` reads, `shown` shows."""

from app.config.readers import requests_a_second
from app.config.settings import SETTINGS, Config, ConfigError
from app.config.shown import settings_of

__all__ = ["SETTINGS", "Config", "ConfigError", "requests_a_second", "settings_of"]
