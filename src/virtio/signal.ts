/** A typed event: whoever wants to know calls `on`, whoever knows calls `emit`. */
export class Signal<T> {
  private listeners: ((value: T) => void)[] = [];

  /** Calls `listener` at each event from now on; the answer ends that. */
  on(listener: (value: T) => void): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  emit(value: T): void {
    for (const listener of this.listeners) listener(value);
  }
}
