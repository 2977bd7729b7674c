#!/usr/bin/env bash
# Make the voice files from the words in signals.toml: voice/LANGUAGE/NAME.wav, 8 kHz, 8 bit, mono.
#
# Needs Debian's espeak-ng (GPL-3.0-or-later; its licence does not reach what it speaks) and sox:
#   apt-get install espeak-ng sox
# The files are kept in the repository, since a device needs neither. Equal words give equal files: no dither, no clock.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
python=${PYTHON:-$root/.venv/bin/python}

words() { # NAME<tab>LANGUAGE<tab>WORDS, a line for each file
  (cd "$root" && "$python" -c '
from terminal.faces.table import load_signals
for name, spoken in load_signals().table.voice.items():
    print(name, "zh", spoken.zh, sep="\t")
    print(name, "en", spoken.en, sep="\t")')
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/zh" "$work/en"
words >"$work/words"
while IFS=$'\t' read -r name language text; do
  case $language in
  zh) voice=cmn speed=210 ;;
  en) voice=en-gb speed=165 ;;
  esac
  espeak-ng -v "$voice" -s "$speed" -w "$work/spoken.wav" -- "$text"
  # Cut the silence at both ends, keep what a small loudspeaker carries, and use the eight bits fully.
  sox -D "$work/spoken.wav" -r 8000 -b 8 -c 1 "$work/$language/$name.wav" \
    silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse gain -3 highpass 200 norm -1 pad 0.03 0.05
done <"$work/words"
rm -rf zh en
mv "$work/zh" "$work/en" .
