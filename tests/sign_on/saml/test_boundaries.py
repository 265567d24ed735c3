"""What is read comes from signed bytes, no library writes it to a log, and nobody pays for XML who needs none."""

import ast
import inspect
import logging
import subprocess
import sys
from pathlib import Path

from app.sign_on.saml import reading, signature
from app.sign_on.saml.response import read_response
from tests.sign_on.saml.idp import encoded, respond
from tests.sign_on.saml.test_response import expected

APP = Path(signature.__file__).parents[2]


def test_sso_43_only_the_verifier_makes_a_signed_assertion():
    makers = {
        path.name for path in APP.rglob("*.py") if "SignedAssertion" in (text := path.read_text())
        for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and "SignedAssertion" in ast.unparse(node.func)
    }
    assert makers == {Path(signature.__file__).name}


def test_sso_43_what_reads_an_assertion_takes_a_signed_one():
    assert inspect.signature(reading.read_assertion).parameters["assertion"].annotation == "SignedAssertion"


def test_sso_119_the_library_logs_nothing_of_an_assertion(caplog):
    caplog.set_level(logging.DEBUG)
    read_response(encoded(respond(what="both")), expected())
    assert "b.simon" not in caplog.text


def test_sso_07_a_server_is_made_without_parsing_xml():
    code = "import app, app.assembly, app.cli, sys; print(sorted({'lxml', 'signxml'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
