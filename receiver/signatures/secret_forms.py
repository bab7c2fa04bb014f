"""Whether a secret has the form that its scheme takes, judged once for all who report it.

Pure. Owns the judgement and its words, which never hold anything of the secret. Refuses nothing:
what verification cannot use it refuses by itself, and the rest may be right after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from receiver.signatures.errors import CAUSES, SignatureError
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.knob_lines import as_hmac_block
from receiver.signatures.records import Request
from receiver.signatures.scheme import Scheme

_QUOTES = frozenset("'\"`\u2018\u2019\u201c\u201d")
_PEM = "-----BEGIN"
_CERTIFICATE = "-----BEGIN CERTIFICATE"
_SHOWN_STANDARD = "v1,whsec_"
_MALFORMED = "malformed-secret"
_AGAIN = "copy it again, exactly as the vendor shows it"
_WORDS = {"base64": "base64", "hex": "hexadecimal", "whsec": "base64 behind whsec_"}


@dataclass(frozen=True, slots=True)
class FormProblem:
    """What is wrong with a secret's form, behind its name, and what to do."""

    summary: str
    remedy: str


def form_problem(scheme: Scheme, secret: str, *, name: str = "") -> FormProblem | None:
    """What is wrong with the secret of that name under this scheme; None where nothing is."""
    return text_problem(scheme, secret, name=name) or _unusable(scheme, secret)


def text_problem(scheme: Scheme | None, secret: str, *, name: str = "") -> FormProblem | None:
    """What no secret of any vendor looks like; without a scheme, of a word that is compared."""
    if not secret.strip():
        return FormProblem("is blank", "put the secret there that the vendor shows")
    key = scheme.formula().key if scheme is not None else "utf8"
    if key == "pem":
        return None  # line breaks and blanks around a key do no harm
    if _PEM in secret:
        kind = "certificate" if _CERTIFICATE in secret else "key in PEM"
        return FormProblem(f"is a {kind}, where a shared secret is wanted", _AGAIN)
    copied = next(copy_mistakes(secret, name), None)
    return copied.problem if copied else _of_another_scheme(scheme, secret, key)


@dataclass(frozen=True, slots=True)
class CopyMistake:
    """A mistake of copying, the secret without it, and what completes "it verifies …" then."""

    problem: FormProblem
    undone: str
    said: str


def copy_mistakes(secret: str, name: str) -> Iterator[CopyMistake]:
    """Every mistake of copying that a shared secret of that name shows."""
    if secret != secret.strip():
        problem = FormProblem("has a blank or a line break at an end", "take it away")
        yield CopyMistake(problem, secret.strip(), f"with {name} without the blanks around it")
    if name and secret.startswith(f"{name}="):
        problem = FormProblem(f"repeats `{name}=` in its value", "leave the name out of the value")
        undone = secret.removeprefix(f"{name}=")
        yield CopyMistake(problem, undone, f"without `{name}=` in {name} itself")
    if len(secret) > 1 and secret[0] in _QUOTES and secret[-1] in _QUOTES:
        problem = FormProblem("stands in quotes, which count as part of it", "take the quotes away")
        yield CopyMistake(problem, secret[1:-1], f"with {name} without the quotes around it")
    if not secret.isprintable():
        problem = FormProblem("holds an invisible character", f"{_AGAIN}, into a plain text")
        visible = "".join(filter(str.isprintable, secret))
        yield CopyMistake(problem, visible, f"with {name} without the invisible characters in it")


def _of_another_scheme(scheme: Scheme | None, secret: str, key: str) -> FormProblem | None:
    if key == "utf8" and secret.startswith(_SHOWN_STANDARD):
        return FormProblem(
            "has the form v1,whsec_… of Standard Webhooks, and is used as plain text here",
            "write scheme: standard-webhooks, or key_encoding: whsec under scheme: hmac",
        )
    prefix = getattr(scheme, "prefix", "")
    if key == "utf8" and prefix.strip() and secret.lower().startswith(prefix.lower()):
        return FormProblem(f"begins with `{prefix}`, which is added to it", "leave that out")
    return None


def _unusable(scheme: Scheme, secret: str) -> FormProblem | None:
    """What verification itself reports: every scheme reads its keys before anything else."""
    try:
        scheme.verify(Request("POST", "", {}, b""), secrets=[secret], now=0.0)
    except SignatureError as error:
        if error.cause == _MALFORMED:
            return _in_words(scheme, secret, error)
    return None


def _in_words(scheme: Scheme, secret: str, error: SignatureError) -> FormProblem:
    key = scheme.formula().key
    if key in _WORDS:
        return FormProblem(f"is not {_WORDS[key]}", f"{_AGAIN}{_or_as_text(scheme)}")
    if key == "pem":
        if _CERTIFICATE in secret:
            return FormProblem("is a certificate, not a public key", "put its public key there")
        if _PEM not in secret:
            return FormProblem("is no public key in PEM", "put the vendor's public key there")
        if "\\n" in secret:
            return FormProblem("has \\n in the place of line breaks", "write real line breaks")
        return FormProblem("is no public key of the kind that the scheme takes", _AGAIN)
    said = "cannot be used as the scheme needs it" if error.detail == CAUSES[_MALFORMED] else ""
    return FormProblem(said or f"has another form: {error.detail}", _AGAIN)


def _or_as_text(scheme: Scheme) -> str:
    """What to write for a vendor that signs with the text of the secret."""
    if not isinstance(scheme, HmacScheme):
        return ""
    if scheme.name == "hmac":
        return "; or, where the vendor signs with its text, write key_encoding: utf8"
    block = as_hmac_block(scheme, key_encoding="utf8")
    return f"; or, where the vendor signs with its text, spell the scheme out: {block}"
