import { commandNames, type Commands } from "./wire.js";

export type Command = keyof Commands;

/** A method that carries a command out. What has no required field may be left out. */
export type Method<C extends Command> = object extends Commands[C]["payload"]
  ? (payload?: Commands[C]["payload"]) => Promise<Commands[C]["answer"]>
  : (payload: Commands[C]["payload"]) => Promise<Commands[C]["answer"]>;

type GroupOf<C> = C extends `${infer Group}:${string}` ? Group : never;
type InGroup<C, Group extends string> = C extends `${Group}:${infer Name}` ? Name : never;

/** A method of every command, called as the command is: `room:join` is `room.join`, `history` is `history`. */
export type CommandMethods = {
  readonly [Group in GroupOf<Command>]: { readonly [C in Command as InGroup<C, Group>]: Method<C> };
} & {
  readonly [C in Command as C extends `${string}:${string}` ? never : C]: Method<C>;
};

/** Makes the methods, each of which calls `carryOut`. */
export function commandMethods(carryOut: (command: Command, payload: object) => Promise<unknown>): CommandMethods {
  const methods: Record<string, unknown> = {};
  for (const command of commandNames) {
    const method = (payload: object = {}): Promise<unknown> => carryOut(command, payload);
    const [group, name] = command.split(":") as [string, string?];
    if (name === undefined) methods[group] = method;
    else ((methods[group] ??= {}) as Record<string, unknown>)[name] = method;
  }
  return methods as CommandMethods;
}
