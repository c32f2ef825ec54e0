import { language } from "./words.svelte";

// What the page says where files are looked at or sent, which comes behind the rest of it.

const en = {
  dropHere: (name: string) => `Drop files to add them to your message to ${name}`,
  attached: "Attached files",
  remove: (name: string) => `Remove ${name}`,
  tryAgain: (name: string) => `Try ${name} again`,
  progress: (name: string) => `${name}: sent so far`,
  waits: "Waits for a connection",
  ready: "Ready to send",
  noFolders: "Folders cannot be sent. Choose the files in them.",
  notHere: "Files are not allowed in this room.",
  tooLarge: (most: string) => `Too large: a file can have ${most}.`,
  refusals: {
    file_type_not_allowed: "This server does not take files of this type.",
    file_quota_exceeded: "Your files take all the space that you may use. Delete messages with files to make room.",
    storage_full: "The server has no space left for files.",
    too_many_uploads: "Too many uploads of yours are unfinished. Wait for some, or cancel them.",
    upload_not_found: "The server does not take files, or has forgotten this one. Try again.",
    not_found: "This server does not take files.",
    file_not_found: "The file is not there any more.",
  } as Record<string, string>,
  unreadable: "It could not be uploaded. Try it again, or choose another file.",
  cancel: "Cancel",
  sendingFiles: (sent: string, size: string) => `${sent} of ${size}`,

  // What messages carry.
  showPicture: (name: string) => `Show ${name}`,
  cannotShow: "This picture cannot be shown now.",
  video: (name: string) => `Video ${name}`,
  audio: (name: string) => `Audio ${name}`,
  download: (name: string) => `Download ${name}`,
  toDownload: "Download",

  // The gallery.
  gallery: "Pictures",
  previous: "Previous picture",
  next: "Next picture",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  position: (at: number, count: number) => `${at} of ${count}`,

  // Voice messages.
  recording: "Recording a voice message",
  stopRecording: "Stop recording",
  recorded: "Your voice message",
  discardRecording: "Discard the recording",
  sendRecording: "Send the voice message",
  listen: "Play",
  pause: "Pause",
  place: "Position",
  microphoneDenied: "The browser does not let this page use the microphone. Allow it in its settings.",
  noMicrophone: "There is no microphone that this page can use.",
  nothingRecorded: "Nothing was recorded. Try again.",
  cannotPlay: "This browser cannot play it.",

  // The panel.
  panelHint: "What was sent here, the latest first.",
  panelKinds: { pictures: "Pictures and videos", others: "Documents and audio" },
  panelEmpty: "No files were sent here so far.",
  panelOlder: "Look further back",
  panelFrom: (name: string, day: string) => `${name}, ${day}`,
};

const zh: typeof en = {
  dropHere: (name) => `拖放文件，添加到发给 ${name} 的消息`,
  attached: "已添加的文件",
  remove: (name) => `移除 ${name}`,
  tryAgain: (name) => `重试 ${name}`,
  progress: (name) => `${name}：已上传`,
  waits: "等待网络连接",
  ready: "可以发送",
  noFolders: "不能发送文件夹，请选择其中的文件。",
  notHere: "此房间不允许发送文件。",
  tooLarge: (most) => `文件太大：单个文件最大 ${most}。`,
  refusals: {
    file_type_not_allowed: "此服务器不接受这种类型的文件。",
    file_quota_exceeded: "你的文件已用完可用空间。删除带文件的消息可以腾出空间。",
    storage_full: "服务器已没有存放文件的空间。",
    too_many_uploads: "你未完成的上传太多，请等待或取消一些。",
    upload_not_found: "服务器不接受文件，或已没有此文件，请重试。",
    not_found: "此服务器不接受文件。",
    file_not_found: "该文件已不存在。",
  },
  unreadable: "未能上传，请重试或选择其他文件。",
  cancel: "取消",
  sendingFiles: (sent, size) => `${sent} / ${size}`,

  showPicture: (name) => `查看 ${name}`,
  cannotShow: "暂时无法显示此图片。",
  video: (name) => `视频 ${name}`,
  audio: (name) => `音频 ${name}`,
  download: (name) => `下载 ${name}`,
  toDownload: "下载",

  gallery: "图片",
  previous: "上一张",
  next: "下一张",
  zoomIn: "放大",
  zoomOut: "缩小",
  position: (at, count) => `第 ${at} 张，共 ${count} 张`,

  recording: "正在录制语音消息",
  stopRecording: "停止录制",
  recorded: "你的语音消息",
  discardRecording: "丢弃录音",
  sendRecording: "发送语音消息",
  listen: "播放",
  pause: "暂停",
  place: "播放位置",
  microphoneDenied: "浏览器不允许此页面使用麦克风，请在浏览器设置中允许。",
  noMicrophone: "没有可用的麦克风。",
  nothingRecorded: "没有录到声音，请重试。",
  cannotPlay: "此浏览器无法播放。",

  panelHint: "这里发送过的文件，最新的在前。",
  panelKinds: { pictures: "图片和视频", others: "文档和音频" },
  panelEmpty: "这里还没有文件。",
  panelOlder: "查看更早的",
  panelFrom: (name, day) => `${name}，${day}`,
};

/** The words of now. */
export function w(): typeof en {
  return language() === "zh" ? zh : en;
}
