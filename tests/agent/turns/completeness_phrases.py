"""Phrases that people say to an agent, labelled for `test_completeness`.

A sentence stands with a bar wherever it could also end; cut after any other word it is unfinished.
`HELD_OUT` was written before the rules were, and no rule was made for one of its phrases.
"""

HELD_OUT = """
what is the tallest mountain in the world
could you tell me how far it is to the airport
my sister is coming to visit us | next weekend
please add milk | and eggs | to the shopping list
is there a pharmacy | near the station
i need to cancel my appointment | for thursday
how do you say good morning | in spanish
remind me to call my mother | at six
the train leaves at nine | so we should hurry
do you think it will snow | tomorrow
turn the volume down | a little
i have been waiting for an hour
who wrote the book | you are reading
let me know when the oven is ready
why does my computer keep crashing
can we meet on friday | instead of monday
read me the last message | from david
i lost my keys | and i cannot get into the house
what should i wear | to the wedding
book a table | for four people | at the italian restaurant
where did you put the scissors
it would be great | if you could explain that | again
my favourite colour is green
open the window | in the bedroom
how much does a new bicycle cost
i don't think that is true
which of these two phones has the better camera
we went to the beach | but it was too cold | to swim
are you going to be home | tonight
when does the museum close
send an email | to the office | saying that i am late
she told me that the meeting was moved
does this bus go to the city centre
i would rather stay at home | and watch a movie
explain how a rainbow works
there is something wrong | with the printer
have you ever been to japan
just give me the short version
my phone number is six one seven five five five zero one nine nine
i think we need a bigger boat
""".strip().splitlines()

HELD_OUT_COMPLETE = """
never mind
good night
that's all
no thanks
i'm fine
sounds good
what's your name
where are you from
who are you
can you help me
i don't know
not really
maybe later
tell me a joke
go ahead
what do you mean
i'm looking for a job
what are you looking for
is it raining
yes i do
turn it off
the second one please
see you tomorrow
Could you repeat that?
Yes, that's right.
I love it!
""".strip().splitlines()

HELD_OUT_UNFINISHED = """
i was just wondering if
so what i mean is
can you
my address is twelve
let me think um
i'd like to book a flight from
could you please
and then she
because of the
what i really want
the thing is
well you know
do you know where the
if i leave now
i'm looking for
play some music by
my code is four two
I wanted to ask you...
Well, the problem is,
it depends on whether
he said that he
i would like a
yes but
give me the
""".strip().splitlines()

COMPLETE = """
yes
no
stop
okay
right
maybe
hello
thank you
good morning
how are you
how are you today
what time is it
what's the time
what is the capital of france
what is your name
what can i order
what do you want
what do you think
who won the game
who is it
where is the kitchen
where are you going
where do you come from
when is the meeting
why is the sky blue
why not
how old are you
how much does it cost
how many people live in london
how do you know
is it cold outside
is this right
are you there
can you hear me
can you help me please
do you like music
do you know what time it is
did you get my message
could you say that again
will it rain tomorrow
have you seen my keys
turn on the lights
turn the lights off
turn it off
set a timer for ten minutes
play some music
play it again
please stop
stop that is enough
wait what time is it
tell me a story
tell me what it is
tell me more
give me a minute
call my mother
show me the pictures of the dog
i would like to order a large pizza with mushrooms
i like it
i think so
i am going to the market
i have no idea
i want to go home
my name is john
my favourite colour is blue
it is raining
that is very kind of you
the weather is nice today
we need more milk
no i can't
yes it is
not at all
let's go home
let me know
remind me tomorrow
my number is five five five one two three four five six seven
the code is four two one nine
wake me up at seven
What is the capital of France?
Who are you talking to?
Stop, that is enough.
Thanks!
I'd like a coffee, please.
""".strip().splitlines()

UNFINISHED = """
and
um
uh
i
i would like
i would like to
i would like to order
i'd like to buy
i want
i need to
i need a
i want a large
can i have a
can you
could you tell me
could you please
would you
what is
what is the
what is the capital of
what is the weather in
what time
what does the
what do you
how many
how many people
how do i get to
how do i
where is the
where can i buy
who is the
when does the train
why is the sky
is it
are you
do you
do you know
do you think that
does the
tell me
tell me about
please tell me a
give me the
turn on
turn on the
set a timer for
set a timer for ten
play some music and
play the
remind me to
my number is
my number is five five
my number is five five five one two
the code is four two
my name is
my favourite colour is
i was thinking that
i was wondering
i think that
i think
i am going to
i am
we are
it was because
the lights in the
the meeting is at
a large pizza with
i went to the store and
he said that
she told me that the
if it rains tomorrow
when i get home
so um
so i was like
it is very
this is not
there are
there is a
let's
let me
from
the
I would like to order...
I would like to order…
So, I was thinking,
I want to go to the -
What is the
Turn on the.
I mean, uh.
Is it for the?
""".strip().splitlines()

OTHER_LANGUAGES = """
wie spät ist es
quelle heure est il
que hora es
ich möchte gerne
buongiorno
""".strip().splitlines()

DEVELOPED = """
please | tell me a story | about the weather | in london | today
turn on the lights | in the kitchen | and play some music
set a timer | for ten minutes
how are you | today
stop | that | is enough
wait | what | time is it
i am going to the market | this afternoon | and i would like you to help me write \
a short list | of the things that we need for dinner
i would like to order a large pizza | with mushrooms
what is the capital of france
can you tell me the way to the station
i need to buy a present | for my brother
do you know when the shop opens
remind me to water the plants | tomorrow
could you book a hotel room | near the airport
the last time i was there | it was closed
""".strip().splitlines()
