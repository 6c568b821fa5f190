type Method = (...args: unknown[]) => unknown;

/** The names of an object's methods. */
export type MethodName<T> = { [K in keyof T]-?: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T];

/** One function in a method's place. */
interface Layer {
  /** What it calls to go on: the layer below it, or the method itself. */
  inner: Method;
  readonly outer: Method;
}

/** The layers over one method, the innermost first. */
interface Stack {
  readonly method: Method;
  /** The object had the method as a property of its own. */
  readonly own: boolean;
  readonly layers: Layer[];
}

const stacks = new WeakMap<object, Map<PropertyKey, Stack>>();

/**
 * Puts a function around a method of one object, from outside: neither other objects of its class nor the class itself
 * notice, and an object that nobody did this to costs nothing. `make` gets the method, bound to its object, and answers
 * what is called in its place. The answer takes that away again; several may be taken away in any order.
 *
 *     const stop = interpose(queue, 'complete', (complete) => (chain, written) => complete(chain, written - 1));
 */
export function interpose<T extends object, K extends MethodName<T>>(
  target: T,
  name: K,
  make: (original: T[K]) => T[K],
): () => void {
  const stack = stackOf(target, name);
  const goOn: Method = (...args) => layer.inner(...args);
  const outer = make(goOn as T[K]) as Method;
  const layer: Layer = { inner: stack.method, outer };
  stack.layers.push(layer);
  link(target, name, stack);
  return () => {
    const index = stack.layers.indexOf(layer);
    if (index < 0) return;
    stack.layers.splice(index, 1);
    link(target, name, stack);
  };
}

function stackOf(target: object, name: PropertyKey): Stack {
  const byName = stacks.get(target) ?? new Map<PropertyKey, Stack>();
  stacks.set(target, byName);
  const known = byName.get(name);
  if (known && known.layers.length > 0) return known;
  const stack: Stack = { method: Reflect.get(target, name) as Method, own: Object.hasOwn(target, name), layers: [] };
  byName.set(name, stack);
  return stack;
}

/** Has each layer call the one below it, and the object the topmost. */
function link(target: object, name: PropertyKey, { method, own, layers }: Stack): void {
  let inner: Method = (...args) => method.apply(target, args);
  for (const layer of layers) {
    layer.inner = inner;
    inner = layer.outer;
  }
  if (layers.length > 0) Reflect.set(target, name, inner);
  else if (own) Reflect.set(target, name, method);
  else Reflect.deleteProperty(target, name);
}
