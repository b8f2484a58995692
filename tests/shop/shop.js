// The test shop: empty in-memory database -> sample data -> serving, in one process.
//
// PORT      port on 127.0.0.1
// PRODUCTS  products file in Vendure's import format; products.csv beside this file unless given
//
// Prints READY when it serves and its job queue runs. Nothing outlives the process.
const { bootstrap, DefaultJobQueuePlugin, DefaultLogger, dummyPaymentHandler, JobQueueService, LogLevel } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const path = require('node:path');

const products = process.env.PRODUCTS || path.join(__dirname, 'products.csv');
const text = name => ({ name, type: 'string', nullable: true, public: true });

const config = {
  apiOptions: { hostname: '127.0.0.1', port: Number(process.env.PORT), adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
  authOptions: {
    tokenMethod: ['bearer', 'cookie', 'api-key'], // the default is cookies only
    superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    cookieOptions: { secret: 'test-only' },
  },
  dbConnectionOptions: { type: 'sqljs', autoSave: false, synchronize: true, logging: false },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  customFields: {
    ProductVariant: [text('sourceUrl'), text('sourceSkuId')],
    OrderLine: [text('sourceUrl'), text('sourceOptions'), text('buyerNote')],
    Order: [text('purchaseStatus'), text('purchaseRef')],
  },
  importExportOptions: { importAssetsDir: __dirname },
  plugins: [DefaultJobQueuePlugin.init({})],
  logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
};

const initial = {
  defaultLanguage: 'en',
  defaultZone: 'Europe',
  roles: [], // must be present, even empty
  collections: [],
  taxRates: [{ name: 'No tax', percentage: 0 }],
  countries: [{ name: 'Germany', code: 'DE', zone: 'Europe' }],
  shippingMethods: [{ name: 'Air', price: 1500 }],
  // authorising and settling stay two steps: an authorised order is not a paid one
  paymentMethods: [{ name: 'Dummy', handler: { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'false' }] } }],
};

populate(() => bootstrap(config), initial, products)
  .then(async app => {
    await app.get(JobQueueService).start();
    console.log('READY');
  })
  .catch(error => {
    console.error(error);
    process.exit(1);
  });
