"""A promise as claims have it. Pure. By ids only: a name that changes must not make it another claim."""

from domain.promises.messages import Terms


def value_of(terms: Terms) -> str:
    """Return what is promised, as the value of a claim: good.lamp_oil, number.300, text.to come to …."""
    name = terms.what.partition(".")[2].replace("_", " ")
    match terms.kind:
        case "give":
            return terms.what
        case "pay":
            return f"number.{terms.amount}"
        case "go":
            return f"text.to come to {name}"
        case "do":
            return f"text.to {terms.deed} {name}"
        case "never":
            return f"text.never to {terms.deed} {name}"
