// Finds a Python for wheelstep and hands over to bootstrap.py, which lies beside it in the extension.
//
// It uses nothing but Node: Microsoft's task library would take the inputs, endpoints and secrets out
// of the environment, and everything that reads them is in the Python part.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const WINDOWS = process.platform === 'win32';

// The newest for which every dependency has wheels comes first; 3.15 is new, and therefore last.
const MINORS = [14, 13, 12, 11, 15];
const ARCHITECTURES = os.arch() === 'arm64' ? ['arm64', 'x64'] : ['x64', 'arm64'];
const CANNOT_HERE = 8; // see docs/exit-codes.md

const NO_PYTHON =
  'wheelstep needs Python 3.11 or newer, and this agent has none among its tools or on PATH.\n' +
  'Add the task UsePythonVersion@0 before this one.';

function fits([program, ...start]) {
  const probe = 'import sys; sys.exit(sys.version_info < (3, 11))';
  return spawnSync(program, [...start, '-I', '-c', probe], { stdio: 'ignore' }).status === 0;
}

function inFolder(folder) {
  return WINDOWS ? path.join(folder, 'python.exe') : path.join(folder, 'bin', 'python3');
}

// What UsePythonVersion chose; the agent's tools, before PATH, because what PATH has is whatever a job
// left there; PATH.
function* candidates(environment) {
  const chosen = environment.pythonLocation || environment.PYTHONLOCATION;
  if (chosen) yield [inFolder(chosen)];
  const tools = path.join(environment.AGENT_TOOLSDIRECTORY || '', 'Python');
  const versions = environment.AGENT_TOOLSDIRECTORY && fs.existsSync(tools) ? fs.readdirSync(tools) : [];
  for (const minor of MINORS) {
    const patches = versions
      .map((name) => /^3\.(\d+)\.(\d+)$/.exec(name))
      .filter((found) => found && Number(found[1]) === minor)
      .sort((one, other) => Number(other[2]) - Number(one[2]));
    for (const [version] of patches) {
      for (const architecture of ARCHITECTURES) {
        const folder = path.join(tools, version, architecture);
        // without the marker the tool is half unpacked
        if (fs.existsSync(`${folder}.complete`)) yield [inFolder(folder)];
      }
    }
  }
  if (WINDOWS) yield* onPath('py.exe', environment, ['-3']);
  for (const name of ['python3', 'python']) {
    if (WINDOWS) yield* onPath(`${name}.exe`, environment);
    else yield [name];
  }
}

// Windows looks into the present folder before PATH: that may be the checkout, where anyone who
// commits could put a python.exe.
function* onPath(file, environment, start = []) {
  const name = Object.keys(environment).find((key) => key.toUpperCase() === 'PATH');
  for (const folder of name ? environment[name].split(path.delimiter) : []) {
    const program = path.join(folder, file);
    if (path.isAbsolute(folder) && fs.existsSync(program)) yield [program, ...start];
  }
}

function finish(code, message) {
  const text = message.replace(/%/g, '%AZP25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  const result = code === 0 ? 'Succeeded' : 'Failed';
  fs.writeSync(1, `##vso[task.complete result=${result};]${text}\n`);
  process.exitCode = code;
}

function main() {
  const python = [...candidates(process.env)].find(fits);
  if (!python) {
    finish(CANNOT_HERE, NO_PYTHON);
    return;
  }
  const [program, ...start] = python;
  const bootstrap = path.join(__dirname, 'action', 'bootstrap.py');
  const child = spawn(program, [...start, '-I', bootstrap, 'release'], { stdio: 'inherit' });
  // A canceled job: SIGINT first, SIGTERM some seconds later. The child has the last word. On Windows
  // Ctrl+C reaches the child by itself, and kill() would be its sudden end.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => WINDOWS || child.kill(signal));
  }
  child.on('error', (error) => finish(CANNOT_HERE, `Python could not be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    const ended = code === null ? 128 + os.constants.signals[signal] : code;
    finish(ended, ended === 0 ? '' : `wheelstep ended with exit code ${ended}; see docs/exit-codes.md.`);
  });
}

module.exports = { candidates, onPath }; // for the tests
if (require.main === module) main();
