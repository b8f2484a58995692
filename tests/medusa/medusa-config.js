// The test shop: everything on 127.0.0.1, nothing sent abroad, no admin pages, no Redis.
//
// DATABASE_URL  an empty PostgreSQL database (medusa db:migrate fills it)
const { defineConfig } = require('@medusajs/framework/utils');

const nowhere = 'http://127.0.0.1:1'; // no page of a browser may call the shop

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { connection: { ssl: false }, ssl: false },
    http: { storeCors: nowhere, adminCors: nowhere, authCors: nowhere, jwtSecret: 'test-only', cookieSecret: 'test-only' },
  },
  admin: { disable: true },
});
