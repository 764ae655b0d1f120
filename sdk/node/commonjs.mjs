// Tells Node that what tsc wrote into dist/cjs of a package are CommonJS modules.
import { writeFileSync } from "node:fs";

writeFileSync("dist/cjs/package.json", '{ "type": "commonjs" }\n');
