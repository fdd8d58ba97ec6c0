"""Bring the translations up to date with interface and core: ``./run python tools/make_translations.py``.

    ./run python tools/make_translations.py                  update all files of resources/translations
    ./run python tools/make_translations.py --language fr    begin a translation
    ./run python tools/make_translations.py --check          change nothing; list what is not translated or wrong
    ./run python tools/make_translations.py --prune          update, and drop the texts that vanished

``docs/translating.md`` says how to translate.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication

from scarp.tools import translation_core, translation_file, translation_rules, translation_texts
from scarp.tools.translation_file import CONTEXT, CORE, VANISHED, Message

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "translations"
CODES = {"zh": "zh_CN"}
"""What Linguist calls a language, where the name of the file does not say it."""


def collect() -> tuple[dict[str, str], list[str], translation_rules.House]:
    """Return the places of each text, what is wrong in the code, and the names of the interface, all in English."""
    with tempfile.TemporaryDirectory() as profile:
        # A profile of its own: whoever runs this may have QGIS in another language.
        os.environ["QGIS_CUSTOM_CONFIG_PATH"] = profile
        application = QgsApplication([], False)
        application.initQgis()
        from scarp import classFactory, translation

        plugin = classFactory(None)
        translation.remove(plugin.translator)
        plugin.initProcessing()
        found = (*translation_texts.texts(plugin), house_of(plugin))
        plugin.unload()
    return found


def house_of(plugin: Any) -> translation_rules.House:
    """Return the names that the interface uses."""
    parameters, choices, titles = set(), set(), set()
    for algorithm in plugin.provider.algorithms():
        titles.add(algorithm.title() if hasattr(algorithm, "title") else algorithm.displayName())
        for definition in [*algorithm.parameterDefinitions(), *algorithm.outputDefinitions()]:
            parameters.add(definition.name())
            if definition.type() == "enum":
                choices.update(definition.options())
    return translation_rules.House(frozenset(parameters), frozenset(choices), frozenset(titles))


def problems(
    messages: list[Message], house: translation_rules.House, interface: list[Message] | None = None
) -> list[str]:
    """Return what is unfinished or wrong in one translation, a line each; titles are those of the interface."""
    finished = {message.source: message.translation for message in interface or messages if not message.state}
    lines = []
    for message in messages:
        if message.state == VANISHED:
            continue
        if message.state or not message.translation:
            lines.append(f"not translated ({message.places}): {message.source}")
            continue
        lines += [
            f"{fault}: {message.source} -> {message.translation}"
            for fault in translation_rules.faults(message.source, message.translation, house, finished)
        ]
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Update or check all files; return 1 when something is left to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", help="begin the file of a language, such as fr or pt_BR")
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--prune", action="store_true", help="drop the texts that vanished")
    options = parser.parse_args(arguments)
    if options.language and not re.fullmatch(r"[a-z]{2,3}(_[A-Za-z]{2,4})?", options.language):
        parser.error(f"{options.language} is no name of a language. Write it as de, pt_BR or zh_Hant.")
    texts, faults, house = collect()
    core = translation_core.texts()
    paths = set(FOLDER.glob("scarp_*.ts")) | ({FOLDER / f"scarp_{options.language}.ts"} if options.language else set())
    for path in sorted(paths):
        language = path.stem[len("scarp_") :]
        messages = {
            context: translation_file.merged(wanted, translation_file.read(path, context), options.prune)
            for context, wanted in ((CONTEXT, texts), (CORE, core))
        }
        content = translation_file.as_xml(messages, CODES.get(language, language))
        found = problems(messages[CONTEXT], house) + problems(messages[CORE], house.of_core(), messages[CONTEXT])
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            if options.check:
                faults.append(f"{path.name} is not up to date: run this without --check.")
            else:
                path.write_text(content, encoding="utf-8")
        print(f"{path.name}: {len(texts)} texts and {len(core)} messages, {len(found)} to do")
        faults += [f"{path.name}: {line}" for line in found]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
