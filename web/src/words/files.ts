// What the page says about files from the beginning; the rest is in filesinsight.ts.

export const filesEn = {
  attach: "Attach files",
  attachWays: { files: "Photos and files", photo: "Take a photo", video: "Record a video" },
  tooMany: (most: number) => `A message can carry ${most} files. The others were left out.`,
  mendFirst: "Remove what could not be uploaded, or try it again. Then send.",
  notLoaded: "A part of this page could not be loaded: the server may have a newer one. Reload the page.",
  picture: "Picture",
  pictures: (count: number) => `${count} pictures`,
  voice: "Voice message",
  record: "Record a voice message",
  panel: "Files",
};

export const filesZh: typeof filesEn = {
  attach: "添加文件",
  attachWays: { files: "照片和文件", photo: "拍照", video: "录制视频" },
  tooMany: (most) => `一条消息最多可带 ${most} 个文件，其余的未添加。`,
  mendFirst: "请先移除或重试未能上传的文件，然后再发送。",
  notLoaded: "页面的一部分未能加载，服务器可能已更新，请刷新页面。",
  picture: "图片",
  pictures: (count) => `${count} 张图片`,
  voice: "语音消息",
  record: "录制语音消息",
  panel: "文件",
};
