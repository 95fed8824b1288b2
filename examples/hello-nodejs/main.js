// A first function: it greets, and what it prints is the execution's log.
exports.main = async function main({ name = 'World' } = {}) {
  console.log(`greeting ${name}`);
  return { greeting: `Hello, ${name}!` };
};
