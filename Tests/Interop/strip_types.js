// Takes the types out of TypeScript as plain as that of document 004, which is JavaScript then.
'use strict';

function stripTypes(text) {
  return text
    .replace(/^(\s*)(private|public|protected|readonly)\s+/gm, '$1')
    .replace(/\bas\s+[A-Z]\w*(<[^>]*>)?/g, '')
    .replace(/new Map<.*>\(\)/g, 'new Map()')
    .replace(/^(\s*\w+):\s*[A-Z]\w*(\[\])?(\s*=|;)/gm, '$1$3')
    .replace(/(\w+)\s*:\s*(string|number|boolean|any|void)\b/g, '$1');
}

module.exports = { stripTypes };
