"""Reads code tables: mappings/codes/countries.yaml says which SAP code a Dynamics word stands for.

Germany: DE
Deutschland: DE            # several words may stand for one code
back: {DE: Germany}        # then `back` says which word the code becomes; null: none, it is left empty
"""

from collections import Counter

from shared.mapping.load.text import Text
from shared.mapping.schema import closest
from shared.mapping.verbs import CodeTable


def code_table(name: str, text: Text) -> CodeTable:
    """Return the table; what does not fit is added to the text's faults."""
    data = text.data
    if not isinstance(data, dict):
        text.faults.append((1, "expected lines such as `Germany: DE`"))
        return CodeTable(name, {}, {})
    chosen = data.get("back", {})
    if not isinstance(chosen, dict):
        text.faults.append((text.line(("back",)), "expected `back: {CODE: word}`"))
        chosen = {}
    there: dict[str, str] = {}
    for word, code in data.items():
        if word == "back":
            continue
        if isinstance(code, bool) or not isinstance(code, str | int) or code == "":
            text.faults.append((text.line((word,)), f"{word!r} has {code!r}, expected a code"))
            continue
        there[word] = str(code)
    often = Counter(there.values())
    back: dict[str, str | None] = {code: word for word, code in there.items() if often[code] == 1}
    for code, word in chosen.items():
        if word is not None and there.get(str(word)) != code and code in often:
            words = [w for w, c in there.items() if c == code]
            text.faults.append(
                (text.line(("back", code)), f"{word!r} is no word for {code!r}{closest(str(word), words)}")
            )
        elif word is not None and str(word) not in there:
            text.faults.append((text.line(("back", code)), f"unknown word {word!r}{closest(str(word), there)}"))
        back[code] = None if word is None else str(word)
    return CodeTable(name, there, back, tuple(sorted(code for code, n in often.items() if n > 1 and code not in back)))
