"""The HTML that may stand on a page: which tags, attributes and looks, of a note and of ours."""

# ruff: noqa: SIM905, RUF024  # long lists of words read best as words
import re

import nh3

from litmus.markdown.urls import runs_code

EVERYWHERE = {"title", "lang", "dir", "align", "style"}
ALLOWED: dict[str, set[str]] = {
    **dict.fromkeys(
        "abbr address aside b bdi bdo big br caption center cite code dd del dfn div dl dt em "
        "figcaption figure h1 h2 h3 h4 h5 h6 hr i ins kbd mark p picture pre q rp rt ruby s samp "
        "small span strike strong sub summary sup table tbody tfoot thead tr tt u ul var wbr "
        "blockquote".split(),
        set(),
    ),
    "a": {"href", "download"},
    "audio": {"src", "controls", "loop"},
    "col": {"span", "width"},
    "colgroup": {"span"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "width", "height"},
    "li": {"value"},
    "ol": {"start", "type", "reversed"},
    "source": {"src", "type"},
    "td": {"colspan", "rowspan", "width", "height", "valign"},
    "th": {"colspan", "rowspan", "width", "height", "valign", "scope"},
    "time": {"datetime"},
    "video": {"src", "controls", "loop", "width", "height", "poster"},
}
WORDS = set(  # what may stand in a title, which may be a link
    "abbr b bdi bdo big cite code del dfn em font i ins kbd mark q rp rt ruby s samp small span "
    "strike strong sub sup tt u var wbr".split()
)
ADDRESSES = {"href", "src", "poster"}
PAGES = {"iframe": "src", "frame": "src", "embed": "src", "object": "data"}  # a link remains
# These go with all that is in them, and these alone: whoever reads it would miss the rest.
WITH_CONTENT = {"script", "style", "template", "noscript", "iframe", "object", "title", "svg"}
ACTIVE = {"script", "form", "button", "input", "textarea", "select", "meta", "base", "link", *PAGES}
STRUCTURE = (  # of pages and of forms: without the tags, their words are a text like others
    "html head body main nav header footer section article hgroup menu search dialog option "
    "optgroup label fieldset legend datalist output progress meter map area canvas slot math param "
    "track applet acronym basefont dir frameset noframes nobr marquee blink"
).split()
KNOWN = {*ALLOWED, *WITH_CONTENT, *ACTIVE, *STRUCTURE}
LOOKS = set(
    "color background background-color text-align text-decoration width height max-width font-size "
    "font-weight font-style font-family vertical-align float border border-radius border-collapse "
    "padding white-space".split()
)
LOOK = re.compile(r"(?:(?:rgb|hsl)a?\([\d\s.,%/]*\)|[\w\s#%.,/+'-])*+")  # no url(), no escapes

OWN = {  # attributes of what we write ourselves; it passes `balanced` beside what the note wrote
    "a": {"href", "name"},
    "button": {"type"},
    "input": {"type", "checked", "disabled"},
    "object": {"data", "type", "width", "height"},
}
OURS = {*ALLOWED, *OWN, "section", "article", "label", "nav", "main", "header", "footer"}
ANYWHERE = {"class", "id", "role", "tabindex", "hidden", "loading", "referrerpolicy", *EVERYWHERE}


def balanced(body: str) -> str:
    """Return HTML in which a note's own tags occur, with each tag closed, nothing active left."""
    attributes = {tag: ALLOWED.get(tag, set()) | OWN.get(tag, set()) for tag in OURS}
    schemes = {scheme.lower() for scheme in re.findall(r'="\s*([a-zA-Z][\w+.-]*):', body)}
    return nh3.clean(
        body,
        tags=OURS,
        clean_content_tags={"script", "style"},
        attributes={**attributes, "*": ANYWHERE},
        generic_attribute_prefixes={"data-", "aria-"},
        url_schemes={scheme for scheme in schemes if not runs_code(f"{scheme}:")} | {"data"},
        link_rel=None,
    )
