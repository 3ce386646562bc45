"""How to cite and how to make the same report again."""

from dysyr.reporting.document import Code, Facts, Paragraph, Section


def cite_section(card):
    """What to cite.

    Args:
        card: Card.

    Returns:
        Section.
    """
    version = card.provenance.get("dysyr", "")
    facts = [("Software", f"dysyr {version}, The dysyr developers. See CITATION.cff of the repository.")]
    if card.system is not None and card.system.reference:
        facts.append(("System", f"{card.system.title}: {card.system.reference} in docs/references.bib"))
    reference = getattr(type(card.model), "reference", None)
    if reference:
        facts.append(("Method", f"{reference} in docs/references.bib"))
    return Section(anchor="cite", title="How to cite", blocks=(Facts(tuple(facts)),))


def reproduce_section(card):
    """The command, the seed, the versions and the hash of the data.

    Args:
        card: Card.

    Returns:
        Section.
    """
    known = card.provenance
    blocks = []
    if known.get("command"):
        blocks += [Paragraph("The command that made this report:"), Code(known["command"])]
    seed = known.get("seed")
    packages = ", ".join(f"{name} {version}" for name, version in (known.get("packages") or {}).items() if version)
    facts = (
        ("Seed", "" if seed is None else ", ".join(map(str, seed)) if isinstance(seed, list) else str(seed)),
        ("Data (sha256)", known.get("data_hash") or ""),
        ("dysyr", known.get("dysyr", "")),
        ("Python", known.get("python", "")),
        ("Packages", packages),
        ("Platform", known.get("platform", "")),
    )
    blocks.append(Facts(tuple((name, text) for name, text in facts if text)))
    return Section(anchor="reproduce", title="How to make it again", blocks=tuple(blocks))
