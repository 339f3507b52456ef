"""Every parser of the wire and the edge against inputs that nobody would send: ``make fuzz``.

seeds.py is what the inputs are made of, mutate*.py how, targets.py who reads them and what each may refuse with, engine.py
the loop that judges: no crash, no hang, no growth.
"""
