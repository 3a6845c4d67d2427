"""Names for people who do not exist: given and family names put together by chance, plain ASCII and beyond."""

from random import Random

GIVEN = (
    "Ada", "Alva", "Amir", "Anouk", "Aroha", "Asta", "Ayla", "Bela", "Birk", "Çınar", "Cleo", "Dara", "Davi", "Edda", "Eero", "Éloïse",
    "Emre", "Enzo", "Fenja", "Finn", "Freya", "Gael", "Hana", "Ida", "Ilse", "Imani", "İpek", "Ivo", "Jaro", "Jonas", "Juno", "Kaito",
    "Kiran", "Léa", "Levi", "Lío", "Lumi", "Maël", "Malou", "Mila", "Mina", "Nael", "Nia", "Noé", "Nuria", "Ole", "Ona", "Pia", "Quim",
    "Rafa", "Ravi", "Rin", "Romy", "Sami", "Sara", "Søren", "Suri", "Taro", "Thea", "Tomás", "Uma", "Vera", "Wanja", "Yara", "Yuna",
    "Zoë", "Željko", "Åsa", "Łucja", "Юля", "Λίνα", "美咲", "지우",
)  # fmt: skip
FAMILY = (
    "Abel", "Alder", "Amsel", "Bach", "Birke", "Björk", "Brook", "Castro", "Çelik", "Costa", "Dahl", "Dorn", "Egger", "Elm", "Falk",
    "Ferro", "Fjord", "Forst", "García", "Grün", "Hagen", "Haruki", "Holm", "Horák", "Ito", "Jensen", "Kaya", "Kim", "Kowal", "Lark",
    "Leroux", "Lind", "Łęcki", "Moor", "Moreau", "Müller", "Nagy", "Nakata", "Nguyễn", "Nilsson", "Novák", "Okoro", "Olsen", "Park",
    "Petrov", "Quell", "Rao", "Reed", "Rossi", "Ruiz", "Sato", "Schön", "Silva", "Šimek", "Singh", "Stone", "Strand", "Suarez", "Tamm",
    "Tanaka", "Thorn", "Toth", "Ueda", "Varga", "Vogel", "Wald", "Weiss", "Winter", "Yilmaz", "Zeman", "Иванова", "山田",
)  # fmt: skip


def person_name(random: Random) -> str:
    """Return a name."""
    return f"{random.choice(GIVEN)} {random.choice(FAMILY)}"
