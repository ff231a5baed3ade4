/** The profile in the user's files: `~/.aws/config` and `~/.aws/credentials`, or where variables say. */
export type Environment = Readonly<Record<string, string | undefined>>;
export type Settings = Readonly<Record<string, string | undefined>>;

export interface Profile {
  readonly own: Settings;
  /** Those of the section `services` that it names. */
  readonly services: Settings;
}

/** @returns empty settings where there is none */
export async function readProfile(env: Environment): Promise<Profile> {
  const { loadSharedConfigFiles } = await import('./awsProfile.ts');
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const name = env.AWS_PROFILE || 'default';
  const own: Settings = { ...credentialsFile[name], ...configFile[name] };
  return { own, services: (own.services && configFile[`services.${own.services}`]) || {} };
}
