#!/usr/bin/env bash
# Finds a Python for wheelstep and hands over to bootstrap.py. Everything it is told comes from the
# environment. Works with the bash 3.2 of macOS and the bash of Git for Windows.
#
# The order: what actions/setup-python chose; the runner's tool cache, before PATH, because what PATH
# has is whatever a job left there; PATH.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# The newest for which every dependency has wheels comes first; 3.15 is new, and therefore last.
minors="14 13 12 11 15"

case "$(uname -m)" in
  arm64 | aarch64) architectures="arm64 x64" ;;
  *) architectures="x64 arm64" ;;
esac

fits() { # PROGRAM
  "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

fitting_in() { # FOLDER: prints the interpreter of an installation
  local program
  for program in "$1/bin/python3" "$1/python.exe" "$1/python"; do
    if [[ -f $program && -x $program ]] && fits "$program"; then
      printf '%s\n' "$program"
      return 0
    fi
  done
  return 1
}

cached() { # MINOR ARCHITECTURE: prints the newest complete 3.MINOR of the tool cache
  local folder version best="" best_patch=-1
  for folder in "$cache/Python/3.$1."*"/$2"; do
    version="${folder%/*}"
    version="${version##*/}"
    # names like 3.15.0-rc.1 are previews; without the marker the tool is half unpacked
    if [[ $version =~ ^3\.[0-9]+\.([0-9]+)$ && -e $folder.complete ]] &&
      ((BASH_REMATCH[1] > best_patch)); then
      best="$folder"
      best_patch="${BASH_REMATCH[1]}"
    fi
  done
  [[ -n $best ]] && fitting_in "$best"
}

find_python() {
  local minor architecture program
  if [[ -n ${pythonLocation:-} ]] && fitting_in "${pythonLocation//\\//}"; then
    return 0
  fi
  cache="${RUNNER_TOOL_CACHE:-}"
  cache="${cache//\\//}"
  if [[ -n $cache ]]; then
    for minor in $minors; do
      for architecture in $architectures; do
        cached "$minor" "$architecture" && return 0
      done
    done
  fi
  for program in python3 python; do
    if program="$(command -v "$program")" && fits "$program"; then
      printf '%s\n' "$program"
      return 0
    fi
  done
  return 1
}

if ! python="$(find_python)"; then
  echo "::error title=wheelstep%3A no Python::wheelstep needs Python 3.11 or newer, and this runner" \
    "has none in its tool cache or on PATH.%0AAdd a step with actions/setup-python before this one."
  exit 8
fi
exec "$python" -I "$here/bootstrap.py" "$@"
