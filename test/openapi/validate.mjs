// Reads an OpenAPI document on standard input and fails, with what is wrong, unless it is valid and of version 3.1.

import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';

const document = JSON.parse(readFileSync(0, 'utf8'));
const validator = new Validator();
const { valid, errors } = await validator.validate(document);
if (!valid) {
  console.error(JSON.stringify(errors, null, 2));
  process.exit(1);
}
if (validator.version !== '3.1') {
  console.error(`the document is of version ${validator.version}, not 3.1`);
  process.exit(1);
}
// Throws for a reference to what there is not.
await validator.resolveRefs();
