// SPDX-License-Identifier: GPL-2.0-only OR MIT
// usage: node compile-ksy.js FILE.ksy DIR
//
// Compiles a description to Python with Kaitai Struct's own compiler.
"use strict";

const fs = require("fs");
const path = require("path");
const yaml = require("js-yaml");
const compiler = require("kaitai-struct-compiler");

const [source, directory] = process.argv.slice(2);
const importer = { importYaml: (name) => { throw new Error(`${name} is imported`); } };

compiler
  .compile("python", yaml.load(fs.readFileSync(source, "utf8")), importer, false)
  .then((files) => {
    for (const [name, text] of Object.entries(files)) {
      fs.writeFileSync(path.join(directory, name), text);
    }
  })
  .catch((error) => {
    console.error(String(error));
    process.exit(1);
  });
