/** Opens a database of the browser's, in its first version. `onLost` is called when it cannot be used any more: it is to be opened anew. */
export function openDatabase(name: string, create: (database: IDBDatabase) => void, onLost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => create(request.result);
    request.onerror = () => {
      onLost(); // the next may succeed
      reject(request.error);
    };
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = onLost;
      database.onversionchange = () => {
        database.close();
        onLost();
      };
      resolve(database);
    };
  });
}
