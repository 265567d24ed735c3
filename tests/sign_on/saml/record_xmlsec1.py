"""Record responses that Debian's xmlsec1 has signed: `python -m tests.sign_on.saml.record_xmlsec1`.

The files in `xmlsec1/` were made once, and the keys thrown away. They show a mistake that signer and verifier would
share if both were the same library.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.sign_on.saml.idp import EXCLUSIVE, Says, Signer, bare, signer

FOLDER = Path(__file__).with_name("xmlsec1")
IDS = [
    "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
    "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response",
]
TEMPLATE = (
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
    '<ds:CanonicalizationMethod Algorithm="{exclusive}"/><ds:SignatureMethod Algorithm="{method}"/>'
    '<ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
    '<ds:Transform Algorithm="{exclusive}">{prefixes}</ds:Transform></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>'
    "<ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature>"
)
PREFIXES = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="xs xsi samlp"/>'
MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def signature(says: Says, what: str, by: Signer, prefixes: str = "") -> str:
    """Return the template that xmlsec1 fills in."""
    method = MORE + ("ecdsa-sha256" if isinstance(by.key, EllipticCurvePrivateKey) else "rsa-sha256")
    element = says.response_id if what == "response" else says.assertion_id
    return TEMPLATE.format(exclusive=EXCLUSIVE, method=method, id=element, prefixes=prefixes)


def run(xml: str, by: Signer, node: str) -> str:
    """Return what xmlsec1 makes of a document whose template is the first child signature of a node."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "key.pem").write_bytes(by.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        (folder / "certificate.pem").write_text(by.pem)
        (folder / "in.xml").write_text(xml)
        command = [
            "xmlsec1", "--sign", "--privkey-pem", f"{folder}/key.pem,{folder}/certificate.pem", *IDS,
            "--node-xpath", f"//*[local-name()='{node}']/*[local-name()='Signature']", "--output", f"{folder}/out.xml", f"{folder}/in.xml",
        ]
        subprocess.run(command, check=True)
        return (folder / "out.xml").read_text()


def main() -> None:
    """Write the recordings and their certificates."""
    FOLDER.mkdir(exist_ok=True)
    says, rsa, ecdsa = Says(), signer("xmlsec1"), signer("xmlsec1-ec", curve="P-256")
    typed = says.response().replace(
        "<samlp:Response ", '<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    ).replace("<AttributeValue>", '<AttributeValue xsi:type="xs:string">')

    def one(xml: str, what: str, by: Signer, prefixes: str = "", both: bool = False) -> str:
        filled = xml.replace(f"<!--{what}-signature-->", signature(says, what, by, prefixes))
        left = filled if what == "assertion" and both else bare(filled)
        return run(left, by, what.capitalize())

    recordings = {
        "assertion": one(says.response(), "assertion", rsa),
        "prefix-list": one(typed, "assertion", rsa, PREFIXES),
        "ecdsa": one(says.response(), "assertion", ecdsa),
        "response": one(says.response(), "response", rsa),
        "both": one(one(says.response(), "assertion", rsa, both=True), "response", rsa),
    }
    for name, xml in recordings.items():
        (FOLDER / f"{name}.xml").write_text(bare(xml))
    (FOLDER / "rsa.pem").write_text(rsa.pem)
    (FOLDER / "ecdsa.pem").write_text(ecdsa.pem)


if __name__ == "__main__":
    main()
