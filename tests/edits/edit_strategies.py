"""Configs, values and edits for the property tests of the edit language."""

from __future__ import annotations

from hypothesis import strategies as st

#: Texts that break naive quoting, beside whatever hypothesis thinks of.
AWKWARD = [
    "\\\\'",
    "", " ", "true", "NULL", "None", "12", "1e-4", ".5", "nan", "inf", "a,b", "it's", 'say "x"', "\\", "\\'",
    "a\\", "a=b", "[x]", "{x}", "(x)", "x:y", "#", "é", "日本", "a\nb", "\t", "%$@*?|", "~", "${seed}",
    "pre-${seed}-post", "-", "+1", "1_000", "007", "choice(1,2)", "a b ", " a", "!", "\u2028", "x" * 300,
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    st.text("\\'\"a, {}[]()=:", max_size=8),
).filter(lambda text: "???" not in text and (text in AWKWARD or "${" not in text))

finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.one_of(st.integers(-(10**18), 10**18), finite, st.floats(-100, 100))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)

#: Keys a path can name plainly, and keys that need quotes or a merge; all can be written in an override.
plain_keys = st.sampled_from(["a", "b", "lr", "weight_label", "x-1", "_y"])
odd_keys = st.sampled_from(
    ["observation.state", "a.b", "a.b.c", "two words", "k:v", "k=v", "@", "*", "[0]", "-x"]
)
keys = st.one_of(plain_keys, plain_keys, odd_keys)

values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
configs = st.dictionaries(
    plain_keys,
    st.one_of(values, st.dictionaries(keys, values, min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)
