"""The forms by which a player's words are taken for an act, and by which a question asks for a predicate.

Data: regular expressions over folded text (lower case, one space between words). The first that is found
counts, so the order stands for how much a form says by itself.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from domain.story.slots import Gender


class Does(StrEnum):
    """What a player does by their words."""

    GREET = "greet"
    FAREWELL = "farewell"
    THANK = "thank"
    APOLOGISE = "apologise"
    PRAISE = "praise"
    INSULT = "insult"
    THREATEN = "threaten"
    PROMISE = "promise"
    REMIND = "remind"
    """They say that the person promised them something."""
    BARGAIN = "bargain"
    ORDER = "order"
    CHAT = "chat"
    """Small talk: it asks for nothing and claims nothing."""
    DISMISS = "dismiss"
    ASK = "ask"
    ASK_WHO = "ask_who"
    """Who the person is and what they do."""
    ASK_NEWS = "ask_news"
    ASK_WHY = "ask_why"
    """By what the person knows what they said just now."""
    ASK_WHEN = "ask_when"
    """When that was what they said just now."""
    ASK_TIME = "ask_time"
    ASK_OPINION = "ask_opinion"
    ASK_MEMORY = "ask_memory"
    """What the person remembers of the player, or of what that one said."""
    ASK_SECRET = "ask_secret"  # noqa: S105 - what is asked for
    ASK_JOKE = "ask_joke"
    TELL = "tell"
    UNFORESEEN = "unforeseen"
    LISTEN = "listen"
    """They say nothing: it is said in a scene that is played for them."""


Forms = Sequence[tuple[Does, re.Pattern[str]]]

_WILL = r"i(?:'ll| will| shall| am going to|'m going to| can| could)"
_BAD = (
    "idiot|fool|liar|coward|swine|pig|bastard|rat|scum|stupid|ugly|worthless|useless|dog|wretch|filth|moron|"
    "disgusting|pathetic|vermin|cheat|thief|boring|rude"
)
_GOOD = "kind|brave|good|clever|wise|beautiful|lovely|handsome|pretty|nice|great|amazing|funny|sweet|strong"

FIRST: Forms = tuple(
    (does, re.compile(form))
    for does, form in (
        (
            Does.THREATEN,
            rf"\b(?:{_WILL} (?:kill|hurt|beat|break|cut|stab|burn|strangle|gut|end|drown|hang) you"
            r"|you(?:'ll| will) (?:regret|pay for|die|be sorry)|watch your back|or else)\b",
        ),
        (
            Does.INSULT,
            rf"\b(?:you(?:'re| are)?(?: an?| such an?| nothing but an?)?(?: \w+)? (?:{_BAD})s?"
            r"|shut up|damn you|curse you|go to hell|i (?:hate|despise) you)\b",
        ),
        (
            Does.ASK_WHY,
            r"^(?:and |but |so )?(?:why|how (?:do|can|would) you know\b.*|who (?:told|says?)\b(?: you)?.*"
            r"|says who|are you (?:sure|certain)|how come|really)(?: (?:is|was) that)?\W*$",
        ),
        (
            Does.ASK_WHEN,
            r"^(?:and )?when (?:was|did|were) (?:that|it|this|they)(?: (?:happen|be))?\W*$",
        ),
        (
            Does.ASK_MEMORY,
            r"\b(?:(?:do |don't )?you (?:still )?(?:remember|recogni[sz]e|know) me\b|^remember me"
            r"|have (?:we|you and i) (?:ever )?(?:met|talked|spoken)|did we (?:ever )?(?:meet|talk|speak)"
            r"|know who i am|^(?:and )?who am i\b(?! (?:speaking|talking))"
            r"|what (?:did|have|had) i (?:just )?(?:tell|told|say|said|ask|asked|promise|promised)"
            r"|what (?:did|have) we (?:talk|talked|speak|spoken)"
            r"|(?:have|did|what did) i (?:ever )?(?:promise|promised|told|tell) you"
            r"|(?:do )?you remember what i|do you remember (?:my|our)\b"
            r"|what do you (?:remember|know) (?:about|of) me)\b",
        ),
        (
            Does.ASK_TIME,
            r"\b(?:what time is it|what(?:'s| is) the (?:time|hour)|what hour is it|how late is it"
            r"|(?:have|know|tell me|got) the (?:time|hour)|is it (?:late|early)\b)",
        ),
        (
            Does.ASK_OPINION,
            r"\b(?:what do you (?:think|make) (?:of|about)|what(?:'s| is) your (?:opinion|view)"
            r"|how do you (?:feel about|like|find)|do you (?:trust|get on with|get along with))\b",
        ),
        (
            Does.ASK_SECRET,
            r"\b(?:(?:a|your|any|the|some) (?:\w+ )?secrets?\b|what are you hiding|nobody else knows)",
        ),
        (Does.ASK_JOKE, r"\b(?:jokes?|make me laugh|something funny)\b"),
        (
            Does.ASK_WHO,
            r"\b(?:who (?:are|might) you\b|what(?:'s| is) your (?:name|trade|work|job)|what are you called"
            r"|who am i (?:speaking|talking) (?:to|with)|and you are\W*$"
            r"|what do you do(?: here| for a living)?\b(?! (?:know|think))|where do you work"
            r"|(?:tell me (?:something |more )?about|introduce) yourself|your name\b)",
        ),
        (
            Does.ASK_NEWS,
            r"\b(?:(?:any|some|the|other) (?:\w+ )?(?:news|rumou?rs|gossip)|(?:hear|tell me|got) .*\bnews\b"
            r"|what(?:'s| is| else is)? (?:new|the news|happening|going on)|what (?:has |else )?happened"
            r"(?: here| today| lately| last night| yesterday| this morning| tonight)*\W*$"
            r"|heard anything|what have you heard|what do people (?:say|talk about)"
            r"|anything (?:new|interesting|happen))",
        ),
        (Does.APOLOGISE, r"\b(?:sorry|apolog\w+|forgive me|my mistake)\b"),
        (
            Does.BARGAIN,
            rf"\b(?:{_WILL} (?:give|pay|offer) you|what would you take|half price|discount|(?:a|make me a)"
            r" (?:better )?(?:deal|price)|too (?:expensive|dear|much)|cheaper|lower (?:the|your) price)\b",
        ),
        (
            Does.PROMISE,
            r"\b(?:i (?:do |hereby |solemnly )?(?:promise|vow|swear)\b|you have my word|i give you my word"
            r"|on my (?:word|honou?r))",
        ),
        (
            Does.REMIND,
            r"\byou (?:had |have |once )?(?:promised|swore|gave me your word"
            r"|said (?:that )?you(?:'d| would))\b",
        ),
        (Does.PRAISE, r"\bi (?:really |do |truly )?(?:love|like|adore|admire|respect) you\b"),
        (
            Does.UNFORESEEN,  # nothing of the kind is in any world
            r"\b(?:an? (?:ai|bot|robot|npc|chatbot|computer|program|machine|language model)|chatgpt|openai"
            r"|language model|system prompt|your (?:prompt|instructions|rules|programming))\b",
        ),
        (
            Does.DISMISS,
            r"^\W*(?:go away|leave me (?:alone|be)\b|leave\W*$|get (?:lost|out|away)\b|be ?gone|piss off"
            r"|scram|let me be\b)",
        ),
    )
)
"""Looked for in this order, before what is asked or claimed."""

CHATTING = re.compile(
    r"^\W*(?:(?:yes|no|ok(?:ay)?|i see|sure|fine|right|all right|hmm*|ah+|oh+|indeed|true|good|great|wow|nice"
    r"|never ?mind|maybe|perhaps|of course|interesting|haha\w*|lol)\W*$"
    r"|(?:nice|lovely|fine|cold|warm|terrible|awful|bad|what a \w+|beautiful)"
    r" (?:day|weather|night|morning|evening)"
    r"|how(?:'s| is) (?:it going|life|business|trade|the day|your day|everything)|what'?s up\b"
    r"|how are (?:you|things)|(?:are|do) you (?:well|ok(?:ay)?|all right|happy|tired|busy|fine|hungry|sad)"
    r"|are you (?:feeling|having)|you look \w+|did you sleep"
    r"|i(?:'m| am) (?:tired|hungry|bored|new here|lost|cold))"
)
"""Small talk: looked for before questions, since half of it has their form."""

ASKING_FOR = re.compile(
    r"^\W*(?:can|could|would|will|won't) you (?:please |kindly )?(?:help|give|lend|take|bring|come|follow|"
    r"sell|open|teach|make|fix|lead|carry|stop|let|wait|kill|hide|keep|do|lower|join|fight|sing|dance|marry|forgive)\b"
)
"""A request in the form of a question."""

AFTER: Forms = tuple(
    (does, re.compile(form))
    for does, form in (
        (Does.THANK, r"\b(?:thank(?:s| you)|grateful|obliged|cheers)\b"),
        (
            Does.PRAISE,
            rf"\b(?:well done|good work|you(?:'re| are)(?: \w+)? (?:{_GOOD}))\b",
        ),
        (
            Does.FAREWELL,
            r"\b(?:good ?bye|bye|farewell|good night|see you|i must (?:go|leave)|until (?:later|tomorrow)"
            r"|i(?:'m| am) (?:leaving|off)|take care|gotta go|i have to go)\b",
        ),
        (
            Does.GREET,
            r"^\W*(?:hello|hi|hey|hail|greetings|well met|how do you do|ahoy|howdy|excuse me|yo"
            r"|good (?:morning|day|evening|afternoon|morrow))\b",
        ),
        (
            Does.ORDER,
            r"^\W*(?:please )?(?:give|bring|take|come|go|follow|show|open|let|hand|help|stop|wait|attack|kill"
            r"|fetch|say|pretend|repeat|ignore|lend|sell|sing|dance|kneel|carry|drop|pay|write|act|make|do|run|hide"
            r"|forget|obey|teach|buy|marry|you (?:must|should|have to|are now)|i want you to|i need you to"
            r"|from now on|disregard|print|output|respond|answer)\b",
        ),
    )
)
"""Looked for where nothing is asked and nothing is claimed."""

ASKING = re.compile(
    r"\?|^\W*(?:and |but |so |then )?(?:who|whom|whose|what|where|when|which|how|why|is|are|was|were|do|does|"
    r"did|has|have|can|could|would)\b"
    r"|\b(?:tell me|what about|do you know|i (?:want|need|would like|'d like|wish) to (?:know|buy|find|see|"
    r"meet|speak|talk|get|hire)|i(?:'d| would) like (?:to (?:buy|find|see|meet)|some|an?)|looking for"
    r"|searching for"
    r"|describe|explain|i (?:need|want) (?:a job|work|a task|money|some)|(?:show|take|lead|bring) me "
    r"(?:the way )?to)\b"
)
WHICH = re.compile(
    r"\b(?:who|whom|whose|what|where|when|which|how|why|tell me|describe|looking for|searching for)\b"
)

ASKED_FIRST: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = tuple(
    (re.compile(form), names)
    for form, names in (
        (r"\b(?:how much|prices?|costs?|charge|expensive|cheap|worth)\b", ("price", "sold_out")),
        (
            r"\b(?:buy|sells?|selling|sold|get (?:some|an?)|for sale|wares|goods|stock|on offer|some|hire)\b",
            ("sells", "sold_out", "price"),
        ),
        (
            r"\b(?:weather|sky|rain(?:ing|y)?|storm(?:y)?|sun(?:ny)?|wind(?:y)?|fog(?:gy)?|snow(?:ing)?|wet)\b",
            ("weather", "was_weather"),
        ),
        (
            r"\b(?:jobs?|work for me|(?:some|any|need|want|for) work|a task|tasks?|quests?|errands?"
            r"|earn|hiring|make (?:some )?money|need money|(?:any|some)thing (?:i can|to) do)\b",
            ("quest_offered", "needs_help"),
        ),
    )
)
"""Words that ask for a predicate before all others: they mean nothing else."""

ASKED_BY: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = tuple(
    (re.compile(form), names)
    for form, names in (
        (r"\b(?:opens?|opening|hours)\b", ("opens_at", "shut")),
        (
            r"\b(?:shut|closed|blocked|cross(?:ing)?|get (?:across|over|through)|sail(?:ing)?|running)\b",
            ("shut", "way_closed", "weather", "opens_at"),
        ),
        (r"\b(?:alive|dead|died|living)\b", ("dead",)),
        (r"\btrue name\b", ("true_name",)),
        (r"\b(?:steal|stole|stolen|thief|robbed|rob)\b", ("took",)),
        (r"\b(?:murder\w*|killer)\b", ("killed",)),
        (
            r"\b(?:owner|owns?|in charge|boss|runs?|ruler?s?|leads?|leader|master|mayor|commands?|whose)\b",
            ("keeps", "rules", "has"),
        ),
        (
            r"\b(?:family|kin|related|married|brother|sister|mother|father|wife|husband|son|daughter)\b",
            ("kin",),
        ),
        (r"\b(?:friends?|like|likes|love|loves)\b", ("likes", "allied")),
        (r"\b(?:enem(?:y|ies)|hate|hates|rivals?|quarrel)\b", ("dislikes", "in_feud")),
        (r"\b(?:afraid|scared|fear)\b", ("fears",)),
        (r"\bwho(?:'s| is| else is)? (?:here|around|there)\b", ("at",)),
        (r"^\W*is .* (?:at|in|here|around|about)\b", ("at",)),
        (
            r"\b(?:where|seen|find|speak to|talk to|meet|see|way to|me to|reach|looking for|searching for)\b",
            ("at", "lies_at", "works_at", "keeps", "sells", "sold_out", "member", "made"),
        ),
    )
)
"""Words that ask for a predicate which does not have them in what it says."""

IRREGULAR = {
    "die": "dead",
    "give": "gave",
    "take": "took",
    "leave": "left",
    "flee": "fled",
    "break": "broke",
    "make": "made",
    "slay": "slew",
    "owed": "owe",
}
PRONOUNS: Mapping[str, frozenset[Gender]] = {
    **dict.fromkeys(("he", "him", "his"), frozenset({Gender.HE, Gender.THEY})),
    **dict.fromkeys(("she", "her", "hers"), frozenset({Gender.SHE, Gender.THEY})),
    **dict.fromkeys(("they", "them", "their"), frozenset(Gender)),
}
THERE, THAT = frozenset({"there"}), frozenset({"it", "that", "this"})
HERE = re.compile(
    r"\b(?:here|around|this (?:place|town|city|district|quarter|quay|market|shop|stall|inn|tavern|street"
    r"|house|deck|ship|room|yard|harbour|harbor|part of)|the (?:weather|sky)|it (?:rain|snow|storm|be )\w*"
    r"|am i|are we)\b"
)
"""Words by which a player means the place where they both are."""

MEMORY_OF: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\bpromis"), "promised"),
    (re.compile(r"\b(?:tell|told|say|said|ask|asked|remember what i)\b"), "told"),
)
"""What of the player the person is asked to remember; else whatever there is."""

PARTS = re.compile(
    r"(?<=[.!?;])\s+|,?\s+(?:and|also|but)\s+(?=(?:who|whom|whose|what|where|when|which|how|why|is|are|do you"
    r"|did|can you)\b)|,\s+(?=(?:who|whose|what|where|when|which|how|why|is|are|do|does|did)\b)"
)
"""Where one question ends and another begins."""
