"""Tests of the web pages, over HTTP against a real server and a real MongoDB."""
