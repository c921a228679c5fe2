"""Streaming text normalisation: what a language model writes becomes what one would read aloud.

Every character comes out as soon as what follows can no longer change it, and the
output does not depend on how the text was cut into fragments. What is read of

| written                               | read                                                    |
| ------------------------------------- | ------------------------------------------------------- |
| `*a*` `**a**` `_a_` `__a__` `~~a~~`   | a, when the mark is closed on its line                  |
| `2*3` `5 * 3` `snake_case` `~5`       | as it is                                                |
| `# Title`                             | Title, ending as a sentence                             |
| `- item` `* item` `+ item` `• item`   | item, ending as a sentence; so without its box `[x]`    |
| `1. item` `1) item`                   | 1. item, ending as a sentence                           |
| `> quote`                             | quote                                                   |
| `| a | b |`                           | a, b. (rows that start with a bar; rulers are silent)   |
| `---` `***` `===`                     | nothing, alone on a line                                |
| `` `code` ``                          | code, as it is, when closed on its line                 |
| ```` ``` ```` or `~~~` blocks         | Code omitted. (once for each block)                     |
| `[text](url)` `![alt](url)`           | text, alt                                               |
| `https://www.example.com/a?b=1`       | example.com                                             |
| `me@example.com`                      | as it is                                                |
| emoji of every kind                   | nothing                                                 |
| `<b>` `</b>` `<!-- comment -->`       | nothing; so control tokens, `<|im_end|>`                |
| `<Enter>` `<your name>`               | Enter, your name: what is no element of HTML is words   |
| `&amp;` `&#233;`                      | &, é                                                    |
| `[^1]`                                | nothing                                                 |
| `\\*`                                 | *                                                       |
| `<break time="1s"/>` `[S1]`           | as it is by an engine with sounds; a pause, nothing     |
| `(laughs)` `*sighs deeply*` `[laugh]` | (laughs), (sighs) by an engine that makes it; nothing   |
| spaces, blank lines                   | one space, one line break                               |

A mark that is not closed is read as it stands. It waits for its partner until its line or sentence
ends, 100 characters at most: an open mark never makes a long silence.
"""

from tts.clean.lines import SpeechText
from tts.clean.sounds import SOUNDS

__all__ = ["SOUNDS", "SpeechText"]
