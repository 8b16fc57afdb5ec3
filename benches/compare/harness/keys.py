"""Keys, certificates and tokens of one run."""
import base64
import json
import subprocess
from pathlib import Path


class Keys:
    """In a folder of their own: a certificate of each kind, and the token issuer's keys."""

    def __init__(self, folder, tools):
        self.folder, self.tools = folder, Path(tools)
        self._certificate("ecdsa", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        self._certificate("rsa", ["rsa:2048"])
        self._issuer_key("rs256", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        self._issuer_key("es256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        (folder / "jwks.json").write_text(json.dumps({"keys": [self._rsa_jwk(), self._ecdsa_jwk()]}))

    def _certificate(self, kind, key):
        pem = self.folder / kind
        run("openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", f"{pem}.key", "-out", f"{pem}.crt",
            "-subj", "/CN=localhost", "-days", "2", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        both = (pem.with_suffix(".crt"), pem.with_suffix(".key"))
        pem.with_suffix(".pem").write_text("".join(file.read_text() for file in both))

    def _issuer_key(self, kind, algorithm):
        key = self.folder / f"issuer-{kind}"
        run("openssl", "genpkey", "-algorithm", *algorithm, "-out", f"{key}.pem")
        run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", f"{key}.pem", "-outform", "DER", "-out", f"{key}.der")
        run("openssl", "pkey", "-in", f"{key}.pem", "-pubout", "-out", f"{key}.pub")

    def _rsa_jwk(self):
        modulus = run("openssl", "rsa", "-in", f"{self.folder}/issuer-rs256.pem", "-noout", "-modulus")
        modulus = bytes.fromhex(modulus.decode().strip().split("=")[1])
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "rsa", "n": base64url(modulus), "e": "AQAB"}

    def _ecdsa_jwk(self):
        public = f"{self.folder}/issuer-es256.pub"
        point = run("openssl", "pkey", "-pubin", "-in", public, "-outform", "DER")[-64:]
        return {"kty": "EC", "alg": "ES256", "use": "sig", "kid": "ecdsa", "crv": "P-256",
                "x": base64url(point[:32]), "y": base64url(point[32:])}

    def variables(self, kind):
        """What peers with this kind of certificate are told."""
        folder = self.folder
        return {
            "BENCH_CERT": f"{folder}/{kind}.crt", "BENCH_KEY": f"{folder}/{kind}.key",
            "BENCH_PEM": f"{folder}/{kind}.pem", "BENCH_JWT_PUB": f"{folder}/issuer-rs256.pub",
            "BENCH_JWKS": f"{folder}/jwks.json",
        }

    def tokens(self, algorithm, issuer, count, first):
        """A file of tokens, one a line, for as many users from number `first` on."""
        file = self.folder / f"tokens-{algorithm}-{first}-{count}"
        if not file.exists():
            key = self.folder / f"issuer-{algorithm}.der"
            file.write_bytes(run(self.tools / "mint", algorithm, key, issuer, AUDIENCE, count, first))
        return file


AUDIENCE = "bench"


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, check=True).stdout


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
