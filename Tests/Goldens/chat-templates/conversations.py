TOOLS=[{"type":"function","function":{"name":"get_weather","description":"Weather at a place, e.g. \"Köln\" <now>","parameters":{"type":"object","properties":{"city":{"type":"string","description":"Name"},"days":{"type":"integer","minimum":1,"enum":[1,2,3]},"units":{"type":["string","null"]}},"required":["city"]}}},
{"type":"function","function":{"name":"noop","description":"","parameters":{"type":"object","properties":{}}}}]
u=lambda c:{"role":"user","content":c}
a=lambda c:{"role":"assistant","content":c}
s=lambda c:{"role":"system","content":c}
CONVERSATIONS=[
 dict(messages=[u("Hello")],prompt=True),
 dict(messages=[u("Hello")]),
 dict(messages=[s("Be brief."),u("Hello"),a("Hi!"),u("Who are you?")],prompt=True),
 dict(messages=[s("  Be brief.\n"),u(" Hello \n"),a("\n Hi! "),u("\tWho?\n")],prompt=True),
 dict(messages=[u("a"),a("b"),u("c"),a("d")]),
 dict(messages=[u("Ünïcödé 日本語 👩‍👩‍👧 \"quoted\" 'single' <b>&amp;</b> \\ \u2028 end")],prompt=True),
 dict(messages=[u("2+2?"),a("<think>\nadd\n</think>\n\n4"),u("sure?")],prompt=True),
 dict(messages=[u("2+2?"),{"role":"assistant","content":"4","reasoning_content":"I add."},u("sure?"),{"role":"assistant","content":"yes","reasoning_content":"easy"}]),
 dict(messages=[s("Use tools."),u("Weather in Köln?")],tools=TOOLS,prompt=True),
 dict(messages=[u("Weather in Köln?"),{"role":"assistant","content":"","tool_calls":[{"id":"call12345","type":"function","function":{"name":"get_weather","arguments":{"city":"Köln","days":2,"f":1.5,"n":None,"b":True,"l":[1,"x"]}}}]},{"role":"tool","name":"get_weather","tool_call_id":"call12345","content":"{\"t\": 12.5}"},a("12.5 degrees")],tools=TOOLS),
 dict(messages=[u("Weather?"),{"role":"assistant","content":None,"tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"get_weather","arguments":{"city":"A"}}},{"id":"abcdefghj","type":"function","function":{"name":"noop","arguments":{}}}]},{"role":"tool","name":"get_weather","tool_call_id":"abcdefghi","content":"1"},{"role":"tool","name":"noop","tool_call_id":"abcdefghj","content":"2"}],tools=TOOLS,prompt=True),
 dict(messages=[u([{"type":"text","text":"Look: "},{"type":"text","text":"here"}]),a([{"type":"text","text":"I see"}])],prompt=True),
 dict(messages=[u("x")],prompt=True,extra={"enable_thinking":False}),
 dict(messages=[u("x"),a("y"),u("/no_think z")],prompt=True,extra={"enable_thinking":True,"date_string":"26 Jul 2024"}),
 dict(messages=[u("a"),u("b")]),
 dict(messages=[a("first")]),
 dict(messages=[]),
 dict(messages=[s("only")]),
 dict(messages=[u("Q"),{"role":"weird","content":"?"}]),
 dict(messages=[u("Q")],documents=[{"title":"T","text":"body"},{"title":"Ü","text":"b2"}],prompt=True),
 dict(messages=[{"role":"developer","content":"Dev"},u("Q")],prompt=True),
 dict(messages=[u(f"m{i}") if i%2==0 else a(f"r{i}\nline") for i in range(20)]),
 dict(messages=[u("x"),a("partial an")],**{"continue":True}),
 dict(messages=[u("x"),a("partial an ")],**{"continue":True}),
]
TOKENS={"bos_token":"<s>","eos_token":"</s>","unk_token":"<unk>","pad_token":"<pad>"}
