export { default as Attachments } from "./Attachments.svelte";
export { default as Drop } from "./Drop.svelte";
export { default as FilesPanel } from "./FilesPanel.svelte";
export { default as Gallery } from "./Gallery.svelte";
export { default as Recorder } from "./Recorder.svelte";
export { default as TrayView } from "./TrayView.svelte";
export { default as WaitingFiles } from "./WaitingFiles.svelte";
